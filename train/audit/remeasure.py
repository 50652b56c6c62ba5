"""The section on files measured again, alone, and put into a document that `calibrate` wrote.

python -m train.audit.remeasure --data HAM10000_FOLDER --out docs/trust.md
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from skin_app.output import OutputError
from skin_app.weights.folder import WeightsError, open_weights
from train.audit import files
from train.audit.bench import Bench
from train.data.ham10000 import DataError, read_dataset
from train.documents.template import plain
from train.documents.trust import read_document, write_text
from train.release import outputs


def numbers_of_these_weights(bench: Bench, document: Path) -> dict[str, Any]:
    """The numbers of `document`; raises `DataError` where there are none, or of other weights."""
    numbers = read_document(document)
    contract = bench.weights.contract
    members = [contract.files[f"{name}/model.safetensors"] for name in contract.members]
    if numbers["about"]["members"] != members:
        raise DataError(f"{document} is about other weights: run `python -m train audit` on these.")
    return numbers


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 when the document is written, 2 when it is not."""
    parser = argparse.ArgumentParser(prog="python -m train.audit.remeasure", description=__doc__)
    parser.add_argument("--weights", help="a folder (default: the embedded weights)")
    parser.add_argument("--data", required=True, type=Path, help="folder of HAM10000")
    parser.add_argument("--out", required=True, type=Path, help="the document, its JSON beside it")
    parser.add_argument("--work", type=Path, default=Path("runs/trust/work"))
    options = parser.parse_args(arguments)
    try:
        outputs.check_document(options.out, outputs.TRUST, outputs.TRUST_JSON, {})
        data = read_dataset(options.data)
        bench = Bench.open(open_weights(options.weights), data, options.work)
        numbers = numbers_of_these_weights(bench, options.out)
        write_text(numbers | {"files": plain(files.measure(bench, data))}, options.out)
    except (DataError, OutputError, WeightsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"the section on files is written into {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
