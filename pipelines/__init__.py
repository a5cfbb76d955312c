"""The stages of ``dvc.yaml``, one module each, and the sections of ``params.yaml`` they are parsed from.

A package of stages is this: a module ``STAGE_NAME`` with ``STAGE``, and ``SECTIONS``. The engine finds it by name
(:func:`pipelines.engine.settings.stage_package`).
"""

from overfeat.config import SECTIONS

__all__ = ["SECTIONS"]
