"""For all tests."""

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # machines are busy at times: an example may take a second
settings.load_profile("no deadline")
