/* The schema of JSON lines, from a sample of them. */
#ifndef LAM_OPS_JSON_INFER_H
#define LAM_OPS_JSON_INFER_H

#include <jansson.h>

#include "base/arena.h"
#include "ops/csv_infer.h"

/* What has been seen in one place of the objects. All zero is "nothing yet". */
struct lam_json_guess {
  struct lam_bytes name;
  struct lam_json_guess *next;    /* the sibling behind it */
  struct lam_json_guess *members; /* of an object, in order of first appearance */
  struct lam_json_guess *last;
  struct lam_json_guess *entries; /* of an array: what its elements are */
  int64_t member_count;
  struct lam_csv_guess scalar;
  bool is_object, is_array, is_scalar; /* more than one: it is kept as text */
};

/* Takes a value into account. */
enum lam_status lam_json_observe(struct lam_json_guess *guess, const json_t *value, struct lam_arena *arena,
                                 struct lam_error *error);
/* The member of that name; NULL where it has not been seen. */
struct lam_json_guess *lam_json_member(const struct lam_json_guess *guess, struct lam_bytes name);
/* The field of a guess. */
enum lam_status lam_json_field(const struct lam_json_guess *guess, const char *name, struct ArrowSchema *out,
                               struct lam_error *error);

#endif
