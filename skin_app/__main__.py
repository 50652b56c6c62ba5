from os import environ

# idle threads of the networks leave their core to others soon (benchmarks/busy_core.txt)
environ |= {"GOMP_SPINCOUNT": environ.get("GOMP_SPINCOUNT", "5000")}  # before torch is loaded

from skin_app.cli import main

raise SystemExit(main())
