"""A real application: Sphinx builds a manual, with links, code to colour and modules to document."""
import os
import sys
import tempfile

PAGES = int(sys.argv[1])
# Beside this file is another requests.py than the one that Sphinx imports.
sys.path[:] = [p for p in sys.path if p != os.path.dirname(os.path.abspath(__file__))]
MODULES = ("argparse", "ast", "configparser", "csv", "difflib", "email.message", "fractions", "heapq",
           "json", "logging", "pathlib", "shlex", "string", "tarfile", "textwrap", "zipfile")

page = """Page {i}
========

.. _page-{i}:

See :ref:`page-{other}`, :doc:`page{other}` and :py:mod:`{module}`.

.. code-block:: python

   def f{i}(x):
       return [x, {{"n": {i}}}, *(k for k in range(x))]

.. list-table::

   * - one
     - two
   * - {i}
     - ``{other}``

.. automodule:: {module}
   :members:
"""

with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "conf.py"), "w") as out:
        out.write("project = 'pages'\nextensions = ['sphinx.ext.autodoc']\nhtml_theme = 'basic'\n")
    with open(os.path.join(folder, "index.rst"), "w") as out:
        out.write("Pages\n=====\n\n.. toctree::\n\n" + "".join(f"   page{i}\n" for i in range(PAGES)))
    for i in range(PAGES):
        with open(os.path.join(folder, f"page{i}.rst"), "w") as out:
            out.write(page.format(i=i, other=(i * 7 + 3) % PAGES, module=MODULES[i % len(MODULES)]))
    from sphinx.cmd.build import main
    status = main(["-q", "-d", os.path.join(folder, "trees"), folder,
                   os.path.join(folder, "html")])
assert status == 0, status
