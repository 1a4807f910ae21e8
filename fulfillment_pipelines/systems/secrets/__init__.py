"""Where secrets are kept: the environment, dotenv files, folders of files; a secret manager is `transports.vault`.

Each source answers one question, and `references` asks them in order.
"""

from fulfillment_pipelines.systems.secrets.dotenv import DotenvSecrets
from fulfillment_pipelines.systems.secrets.environment import EnvironmentSecrets
from fulfillment_pipelines.systems.secrets.folder import FolderSecrets
from fulfillment_pipelines.systems.secrets.source import SecretSource

__all__ = ["DotenvSecrets", "EnvironmentSecrets", "FolderSecrets", "SecretSource"]
