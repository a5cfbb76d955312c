"""Where every stage writes, relative to the root of the checkout."""

from pathlib import Path

SAMPLE = Path("data/raw/sample")
SAMPLE_DETECTION = Path("data/raw/sample_det")
MANIFEST = Path("data/manifest")
IMAGES = Path("data/images")
IMAGES_DETECTION = Path("data/images_det")
CLASSIFIER = Path("data/checkpoints/classifier")
LOCALIZER = Path("data/checkpoints/localizer")
DETECTOR = Path("data/checkpoints/detector")
CALIBRATION = Path("data/checkpoints/calibration")
WINDOWS = Path("data/windows")
RESULTS = Path("data/results")
METRICS = Path("metrics.json")
PLOTS = Path("data/plots")
