/*
 * options.h - how the command tells the library what to do
 *
 * One environment variable, OURO_OPTIONS, a list of KEY=VALUE parted by
 * commas; `file` comes last and takes the rest, commas and all.  A key that
 * is not known is noted in the trace and skipped.  The library takes the
 * variable, and its own entry of LD_PRELOAD, out of the environment before
 * main: the program sees what it would see without ouro.  When it hands on
 * to a program it execs, it adds both to the environment given to exec.
 *
 *   key        value                                                  default
 *   mode       stream | ring                                          stream
 *   ring       bytes of the ring (mode ring)                          67108864
 *   sample     mean bytes between samples, 0: record everything       0
 *   snapshot   exit | never | collection | signal:NUMBER | every:SECONDS |
 *              call:MODULE.FUNCTION; several parted by `+`.            exit
 *              Absent: exit, and collection while the process is small
 *   follow     1 | 0: record programs that this one execs             1
 *   preload    1 | 0: LD_PRELOAD was set (maybe empty) before ouro     -
 *              (kept so that it can be restored exactly; absent: the
 *              library removes its entry, and the variable when nothing
 *              is left)
 *   runtimes   absolute paths of description files (ouro/describe.h), parted
 *              by `:`                                                 none
 *   first      pid of the first process, whose trace is `file`        our own
 *   parent     id of the trace of the process that exec'd us, hex     -
 *   watch      type:NAME, function:NAME, place:FILE:LINE, parted by `+`: -
 *              every change of the counts of some objects made so
 *   debug      list of words parted by `+`, see ouro.1                -
 *   file       absolute path of the trace; %p stands for the pid      ./ouro-%e-%p.trace
 *              and %e for the name of the program
 *
 * Names: the first process writes `file`.  A forked child, and whatever it
 * execs, writes `file.d/PID` when `file` has no %p (with %p the pattern is used
 * again).  A program that takes over a process by exec takes over the name as
 * well: the earlier trace is renamed to `file.d/PID.1`, .2, ... (with %p:
 * NAME.1, .2, ...).  So `file` is always the last program of the first process.
 */
#ifndef OURO_OPTIONS_H
#define OURO_OPTIONS_H

#define OURO_OPTIONS_VARIABLE "OURO_OPTIONS"
#define OURO_LIBRARY_NAME     "libouro.so"

#endif
