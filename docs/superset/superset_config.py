"""Settings of Superset beside its defaults; SUPERSET_CONFIG_PATH names this file.

The key of sessions comes from SUPERSET_SECRET_KEY, the folder of users and dashboards from
SUPERSET_HOME.
"""

from superset.config import TALISMAN_CONFIG

# Superset's pages load a picture that counts visits. Browsers load nothing from elsewhere now.
TALISMAN_CONFIG["content_security_policy"] |= {
    "img-src": ["'self'", "blob:", "data:"],
    "connect-src": ["'self'"],
}
