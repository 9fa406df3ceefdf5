"""R's ordinal::clm on the same data, in a process of its own: the peer."""

import subprocess
import sys
from pathlib import Path

script = Path(__file__).with_suffix(".R")
done = subprocess.run(["Rscript", str(script), *sys.argv[1:]], check=True, stdout=subprocess.PIPE, text=True)
print(done.stdout.strip())
