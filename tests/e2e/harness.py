"""What the end-to-end tests share: interpreters, recording, reading.

They run the command as a user would and look at its JSON.  Environment: O (build folder).
"""
import glob
import json
import os
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("O", "build"))
OURO = os.path.join(BUILD, "ouro")
LIBRARY = os.path.join(BUILD, "libouro.so")
SAMPLES = os.path.join(TOP, "samples")


def interpreters():
    """Debian's python3, and every CPython 3.8 to 3.13 kept by pyenv here."""
    found = ["/usr/bin/python3"]
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    for minor in range(8, 14):
        found += sorted(glob.glob(f"{root}/versions/3.{minor}.*/bin/python3.{minor}"))
    return [path for path in found if os.access(path, os.X_OK)]


def clean_environment(**extra):
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("PYTHON", "LD_", "OURO"))}
    env.update(extra)
    return env


class Recording:
    """One `ouro run`: the program's result and its trace."""

    def __init__(self, command, *options, input=None, timeout=120, env=None, cwd=None):
        self.folder = tempfile.TemporaryDirectory(prefix="ouro-test-")
        self.trace = os.path.join(self.folder.name, "run.trace")
        self.result = subprocess.run(
            [OURO, "run", "-o", self.trace, *options, "--", *command],
            input=input, capture_output=True, text=True, timeout=timeout,
            env=env or clean_environment(), cwd=cwd)
        self.stdout, self.stderr = self.result.stdout, self.result.stderr
        self.status = self.result.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def ask(self, verb, *words):
        """The JSON that `ouro VERB TRACE WORDS` prints."""
        run = subprocess.run([OURO, verb, "--format", "json", self.trace, *words],
                             capture_output=True, text=True, timeout=120)
        if run.returncode:
            raise AssertionError(f"ouro {verb}: status {run.returncode}: {run.stderr}")
        return json.loads(run.stdout)

    def text(self, verb, *words):
        run = subprocess.run([OURO, verb, self.trace, *words],
                             capture_output=True, text=True, timeout=120)
        if run.returncode:
            raise AssertionError(f"ouro {verb}: status {run.returncode}: {run.stderr}")
        return run.stdout

    def findings(self, kind=None):
        return [f for f in self.ask("report")["findings"] if kind in (None, f["kind"])]


def on_every_interpreter(test):
    """The test method gets one interpreter after another, each a subtest."""
    def each(self):
        for python in interpreters():
            with self.subTest(python=python):
                test(self, python)
    return each


def sample(name):
    return os.path.join(SAMPLES, name)


def main():
    unittest.main(module="__main__", verbosity=1 if sys.stdout.isatty() else 0)
