"""At most one unit at a time on a GPU, over all flows of a server: Prefect's concurrency limit of the tag ``gpu``.

The limit counts what the server sees, which is flows, and a person may set it otherwise: to 2 for two cards, or for two
machines of a cluster. A lock file on each machine would hold ``dvc repro`` off as well, but nobody could raise it, and
containers that share a card share no lock. Who runs ``dvc repro`` beside a flow does so knowingly.
"""

import contextlib

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_API_URL

TAG = "gpu"


def ensure_limit() -> None:
    """Make the limit, 1, unless there is one; a temporary server, which no other flow uses, needs none."""
    if not PREFECT_API_URL.value():
        return
    with get_client(sync_client=True) as client:
        try:
            client.read_concurrency_limit_by_tag(TAG)
        except ObjectNotFound:
            # The call for limits of tags would overwrite what somebody sets at this moment; this one, under the name
            # that both have, refuses.
            with contextlib.suppress(ObjectAlreadyExists):
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=f"tag:{TAG}", limit=1))
