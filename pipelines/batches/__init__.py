"""New pictures, in runs that are added to a folder of runs and never changed: what flow ``detect_batch`` works on."""
