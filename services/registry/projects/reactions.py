"""What the registry answers about projects: the secret by which an open one counts people."""

import base64

from libs.common.db import OpenTransaction
from libs.common.facts.registry import CountSecret, CountSecretAsked
from libs.common.reactions import answers
from services.registry.projects.model import Project
from services.registry.projects.queries import secret_of


@answers(CountSecretAsked)
async def say_secret(transaction: OpenTransaction, question: CountSecretAsked) -> CountSecret:
    """An open project's count secret; none for one that is planned, closed or unknown."""
    project = await transaction.get(Project, question.project_id)
    secret = secret_of(transaction, project) if project else None
    return CountSecret(secret=base64.b64encode(secret).decode() if secret else None)
