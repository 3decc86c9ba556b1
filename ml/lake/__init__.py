"""The lake: a workspace in buckets of customers, built by one machine's cores or by Spark."""

REBUILD = "remove the lake's folder, then: ml lake build"
