"""Programs behave under ouro as they do without it: same output, same exit status."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import OURO, clean_environment, main

HELLO_C = '#include <stdio.h>\nint main(void){puts("hello");return 3;}\n'
HELLO_CC = ("#include <map>\n#include <string>\n#include <iostream>\n#include <stdexcept>\n"
            "int main(){std::map<int,std::string> m;for(int i=0;i<999;i++)m[i]=std::to_string(i);"
            "try{m.at(-1);}catch(const std::out_of_range&){std::cout<<m.size()<<std::endl;}}\n")
JAVA = ("public class H{public static void main(String[] a){java.util.ArrayList<String> l="
        "new java.util.ArrayList<>();for(int i=0;i<9999;i++)l.add(\"\"+i);"
        "System.out.println(l.size());}}")

# name: a shell command run in an empty folder; {d} is that folder.
PROGRAMS = {
    "true": "true",
    "false": "false",
    "echo and pipes": "echo one two | tr a-z A-Z | sed s/O/0/g",
    "bash functions": "bash -c 'f() { local x=$1; echo $((x * 2)); }; for i in 1 2 3; do f $i; done; exit 7'",
    "bash subshells": "bash -c 'x=$(echo a; (echo b; exit 2)); echo \"$x\" $?; wait'",
    "dash": "dash -c 'trap \"echo bye\" EXIT; kill -0 $$ && echo alive'",
    "environment": "env -i A=1 B=2 env",
    "environment kept": "env | grep -v ^_= | sort",
    "preload is not seen": "env | grep -c -e LD_PRELOAD -e OURO",
    "find and sort": "find /usr/share/doc -maxdepth 1 -name 'lib*' | sort | head -n 50",
    "awk": "seq 1 2000 | awk '{ a[NR % 17] += $1 } END { for (i = 0; i < 17; i++) print a[i] }'",
    "grep": "grep -rc include /usr/include/linux | sort | head -n 40",
    "tar and gzip": "mkdir t && seq 1 9999 > t/n && tar cf - t | gzip -n | gunzip | tar xOf - | md5sum",
    "xz": "seq 1 20000 | xz -T2 | xz -d | md5sum",
    "git": "git init -q . && git config user.email a@b && git config user.name a && echo x > f && "
           "git add f && git -c commit.gpgsign=false commit -qm m && git log --format=%s && git fsck",
    "make": "printf 'all:\\n\\t@echo built\\n\\t@false\\n' > Makefile; make -s; echo $?",
    "gcc": "printf '%s' '{c}' > h.c && gcc -O2 -o h h.c && ./h",
    "g++": "printf '%s' '{cc}' > h.cc && g++ -o h h.cc && ./h",
    "gdb": "gdb -batch -ex 'print 6*7' 2>&1 | tail -n 1",
    "perl": "perl -e 'my %h; $h{$_ % 97} .= $_ for 1..9999; print length(join \"\", values %h), \"\\n\"; exit 5'",
    "perl forks": "perl -e 'for (1..5) { my $p = fork; if (!$p) { exit $_ } waitpid $p, 0; print $? >> 8, \"\\n\" }'",
    "node": "node -e 'const m = new Map(); for (let i = 0; i < 1e5; i++) m.set(i, String(i)); console.log(m.size)'",
    "java": "printf '%s' '{java}' > H.java && javac H.java && java H",
    "python threads": "/usr/bin/python3 -c 'import threading as t; o = []; "
                      "ts = [t.Thread(target=o.append, args=(i,)) for i in range(50)]; "
                      "[x.start() for x in ts]; [x.join() for x in ts]; print(sum(o))'",
    "python multiprocessing": "/usr/bin/python3 -c 'import multiprocessing as m\n"
                              "with m.get_context(\"fork\").Pool(3) as p: print(sum(p.map(abs, range(-50, 50))))'",
    "python subprocess": "/usr/bin/python3 -c 'import subprocess as s; "
                         "print(s.run([\"sh\", \"-c\", \"echo $PPID >/dev/null; exit 4\"]).returncode)'",
    "python dies": "/usr/bin/python3 -c 'import os; os.abort()' 2>/dev/null; echo $?",
    "python exits": "/usr/bin/python3 -c 'import os; print(1, flush=True); os._exit(9)'; echo $?",
    "python traceback": "/usr/bin/python3 -c '1/0' 2>&1; echo $?",
    "killed by a signal": "sh -c 'kill -TERM $$'; echo $?",
    "sqlite": "sqlite3 :memory: 'with recursive c(x) as (select 1 union all select x + 1 from c limit 9999) "
              "select sum(x) from c'",
    "openssl": "openssl dgst -sha256 /etc/passwd",
    "curl": "curl -s file:///etc/hostname",
    "ssh": "ssh -V 2>&1",
    "static": "printf '%s' '{c}' > h.c && gcc -static -o h h.c && ./h",
    "gtk under Xvfb": "xvfb-run -a -n 250 zenity --info --timeout=1 --text hi",
}


class Ordinary(unittest.TestCase):
    def once(self, command, prefix):
        with tempfile.TemporaryDirectory(prefix="ouro-ordinary-",
                                         ignore_cleanup_errors=True) as folder:
            run = subprocess.run([*prefix, "bash", "-c", command], cwd=folder, text=True,
                                 capture_output=True, timeout=300, env=clean_environment(
                                     HOME=folder, TMPDIR=folder))
            return run.returncode, run.stdout.replace(folder, "{d}"), \
                re.sub(r"line 1: +\d+ ", "line 1: PID ", run.stderr.replace(folder, "{d}"))

    def test_output_and_status_are_those_of_a_bare_run(self):
        tried = 0
        for name, command in PROGRAMS.items():
            tool = command.split()[0]
            if not shutil.which(tool) or ("zenity" in command and not shutil.which("zenity")):
                continue
            for mark, text in (("{cc}", HELLO_CC), ("{c}", HELLO_C), ("{java}", JAVA)):
                command = command.replace(mark, text.replace("%", "%%").replace("\\", "\\\\"))
            with self.subTest(program=name), tempfile.TemporaryDirectory(
                    ignore_cleanup_errors=True) as traces:     # a desktop's services live on
                bare = self.once(command, [])
                under = self.once(command, [OURO, "run", "-q", "-o", f"{traces}/t.%p", "--"])
                self.assertEqual(under, bare)
                self.assertTrue(os.listdir(traces), "no trace was written")
                tried += 1
        self.assertGreaterEqual(tried, 20)


if __name__ == "__main__":
    main()
