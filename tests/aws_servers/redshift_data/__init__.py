"""A Redshift that tests can trust: the Data API's wire protocol over an embedded PostgreSQL.

    boto3 ─ HTTP ─► wire ─► statements ─► grammar ─► translation ─► PostgreSQL
                                             │       parquet_copy ─► S3 (moto)
                                             └─► FAILED, what Redshift's grammar does not have

    python -m tests.aws_servers.redshift_data --data FOLDER

The SQL that runs is the SQL that was sent. PostgreSQL knows more than Redshift, so ``grammar``
refuses what Redshift does not document; it knows less about storage, so ``translation`` takes that
away. What is here is read from these pages of AWS' documentation: "MERGE", "COPY from columnar data
formats", "Unsupported PostgreSQL features", "Isolation levels in Amazon Redshift" (Database
Developer Guide), "Considerations when calling the Amazon Redshift Data API" (Management Guide), and
from the service model that botocore ships.

What differs from Redshift: no query planner's limits, no quotas on statements in flight, integer
averages and other arithmetic are PostgreSQL's, VARCHAR counts bytes in COPY only.
"""

from tests.aws_servers.redshift_data.faults import CONFLICT, Faults
from tests.aws_servers.redshift_data.statements import Redshift
from tests.aws_servers.redshift_data.wire import serving

__all__ = ["CONFLICT", "Faults", "Redshift", "serving"]
