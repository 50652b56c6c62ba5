"""The figures of docs/reliability.md: bad files, load, faults, attacks.

    python -m benchmarks.reliability            # writes the page again from docs/reliability/*.json
    python -m benchmarks.reliability load       # measures one section anew, then writes the page

Each section is a module with a function `measure`, which returns a frozen dataclass, and a template of
the same name in `templates/`. It needs the packages of the extra `reliability`.
"""
