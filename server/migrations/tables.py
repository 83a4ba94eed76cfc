"""Every module with tables, so that the metadata is complete once this is imported."""

import server.access.model
import server.alarms.model
import server.assets.model
import server.commands.model
import server.core.audit
import server.core.model
import server.incidents.model
import server.ingest.model
import server.messages.model
import server.people.model
import server.plans.model
import server.requests.model
import server.workorders.model  # noqa: F401 (imported for their tables)
from server.core.db import Base

METADATA = Base.metadata
