"""Where every stage writes, relative to the root of the checkout."""

from pathlib import Path

SAMPLE = Path("data/raw/sample")
SAMPLE_DETECTION = Path("data/raw/sample_det")
MANIFEST = Path("data/manifest")
IMAGES = Path("data/images")
IMAGES_DETECTION = Path("data/images_det")
CHECKPOINTS = Path("data/checkpoints")
CLASSIFIER = CHECKPOINTS / "classifier"
LOCALIZER = CHECKPOINTS / "localizer"
DETECTOR = CHECKPOINTS / "detector"
CALIBRATION = CHECKPOINTS / "calibration"
WINDOWS = Path("data/windows")
RESULTS = Path("data/results")
METRICS = Path("metrics.json")
PLOTS = Path("data/plots")
REPORT = Path("data/report")
