"""NumPy's service, on which each file registers its tasks."""

import numpy as np
from mlfleet_sdk import Service

service = Service("numpy", np.__version__)
