"""The sample notebook lies with the tests of the page; its parts are tested here too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "reporting"))
