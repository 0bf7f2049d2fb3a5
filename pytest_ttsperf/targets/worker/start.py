"""The program of a worker, from the arguments that `parent.WorkerTarget` starts it with.

Its text is executed by `-c`: so nothing of the plugin has to be importable before, and the target's
process has a `__main__` without a file, which nobody who starts further processes runs again.

The arguments are the path of this file, the module with `main`, its two descriptors, the folder
that the running plugin lies in, and what the running interpreter searches. The plugin's folder
comes first while it is imported: else one in the folder that the worker starts in, perhaps of an
older version, would win. What another interpreter lacks of what the plugin needs is found behind
its own packages.
"""

import importlib
import sys

module, connection_fd, lifeline_fd, plugin_folder, *further = sys.argv[2:]
searched = list(sys.path)
sys.path.insert(0, plugin_folder)
for entry in further:
    if entry not in searched:
        sys.path.append(entry)

main = importlib.import_module(module).main

if plugin_folder not in searched:
    sys.path.remove(plugin_folder)

if __name__ == "__main__":
    main(int(connection_fd), int(lifeline_fd))
