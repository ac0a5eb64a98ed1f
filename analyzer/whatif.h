/*
 * whatif.h - what other settings of the collector would have done to a recorded program
 *
 * The first row is the program as it was recorded: its numbers are measured.  All others are
 * predicted, and checked first on the recording itself: a model that does not repeat the
 * recorded collections is not used.
 *
 * When garbage became so is known within bounds only (tape.h).  Each setting is played with
 * garbage that becomes so at the earliest, soon after and a while after; what that
 * changes is the range.
 */
#ifndef OURO_WHATIF_H
#define OURO_WHATIF_H

#include "finding.h"
#include "pauses.h"
#include "simulate.h"

enum { WHATIF_ASKED = 4 };

struct whatif_options {
	bool wanted;			/* else only when there is something to be saved */
	struct {
		uint32_t threshold[GENERATIONS];
		bool off;
	} asked[WHATIF_ASKED];
	uint32_t nasked;
	double freeze;			/* seconds into the recording; < 0: not given */
	double memory_percent;		/* more at the peak than now, at most        */
	double pause;			/* seconds, at most; <= 0: the longest now   */
};
#define WHATIF_DEFAULT { .freeze = -1, .memory_percent = 10 }

struct range {
	double low, likely, high;
};

struct prediction {
	struct setting setting;
	bool asked;			/* by the user                               */
	struct range runs[GENERATIONS];	/* of the program, explicit ones too         */
	struct range seconds;
	double pause_median, pause_p99, pause_max;
	struct range peak_bytes, waiting_bytes;
	bool memory_holds, pause_holds;	/* within the bounds                         */
};

struct whatif {
	const char *refused;		/* why there is none; NULL: there is         */
	char why[160];			/* refused may point here                    */
	struct prediction *p;		/* p[0]: as recorded                         */
	uint32_t n;
	int best;			/* row to be recommended; 0: stay            */
	double freeze_seconds;		/* after start-up; 0: there is no such moment */
	uint32_t living;		/* objects the collector knew at the end     */
	struct self_check check;
	struct pauses pauses;
	double memory_percent, pause;	/* the bounds                                */
};

/* Could there be something worth a finding, when collections take so many seconds of the run? */
bool whatif_worth(double seconds, double run);

/* The replay is at its end, and the tape finished. -ENOMEM. */
int whatif_init(struct whatif *w, struct tape *tape, const struct replay *r,
		const struct whatif_options *o, double run);
void whatif_fini(struct whatif *w);

/* "gc.set_threshold(10000, 10, 10)", "gc.freeze() after start-up, ..."; of a row but the first. */
void whatif_name(char *buf, size_t size, const struct prediction *p);

/* collector-tuning, when another setting saves 1 % of the run and 0.05 s.  -ENOMEM. */
int find_tuning(struct findings *to, const struct whatif *w, double run);

#endif
