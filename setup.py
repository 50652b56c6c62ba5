"""Packages the weights with the code: `weights/` is installed as `skin_app/embedded/`.

All else stands in pyproject.toml, which cannot say this beside `packages.find`.
"""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["skin_app*", "train*"]), "skin_app.embedded"],
    package_dir={"skin_app.embedded": "weights"},
)
