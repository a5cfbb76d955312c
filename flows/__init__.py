"""When and where stages are worked: Prefect flows. They import names and paths of ``pipelines``, never its stages."""

import os

# Read by Prefect when it is imported, so they are set before; what the user has set stays.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")  # 20 is not enough on a busy machine
