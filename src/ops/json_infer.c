#include "ops/json_infer.h"

#include "arrow/array.h"

static enum lam_status new_guess(struct lam_arena *arena, struct lam_bytes name, struct lam_json_guess **out,
                                 struct lam_error *error) {
  void *memory;
  char *copy;
  LAM_TRY(lam_arena_array(arena, 1, sizeof **out, &memory, error));
  LAM_TRY(lam_arena_string(arena, name, &copy, error));
  *out = memory;
  (*out)->name = lam_bytes_of(copy, name.size);
  return LAM_OK;
}

struct lam_json_guess *lam_json_member(const struct lam_json_guess *guess, struct lam_bytes name) {
  for (struct lam_json_guess *m = guess->members; m; m = m->next)
    if (lam_bytes_equal(m->name, name)) return m;
  return NULL;
}

/* Objects of one kind have their members in one order, so the next one is tried first. */
static enum lam_status member_of(struct lam_json_guess *guess, struct lam_json_guess *hint, struct lam_bytes name,
                                 struct lam_arena *arena, struct lam_json_guess **out, struct lam_error *error) {
  *out = hint && lam_bytes_equal(hint->name, name) ? hint : lam_json_member(guess, name);
  if (*out) return LAM_OK;
  LAM_TRY(new_guess(arena, name, out, error));
  if (guess->last)
    guess->last->next = *out;
  else
    guess->members = *out;
  guess->last = *out;
  guess->member_count++;
  return LAM_OK;
}

static enum lam_status observe(struct lam_json_guess *guess, const json_t *value, int depth, struct lam_arena *arena,
                               struct lam_error *error);

static enum lam_status observe_object(struct lam_json_guess *guess, const json_t *value, int depth,
                                      struct lam_arena *arena, struct lam_error *error) {
  struct lam_json_guess *hint = guess->members;
  const char *key;
  json_t *item;
  guess->is_object = true;
  json_object_foreach((json_t *)(uintptr_t)value, key, item) {
    struct lam_json_guess *member;
    LAM_TRY(member_of(guess, hint, lam_bytes_of_string(key), arena, &member, error));
    LAM_TRY(observe(member, item, depth + 1, arena, error));
    hint = member->next;
  }
  return LAM_OK;
}

static enum lam_status observe_array(struct lam_json_guess *guess, const json_t *value, int depth,
                                     struct lam_arena *arena, struct lam_error *error) {
  guess->is_array = true;
  if (!guess->entries) LAM_TRY(new_guess(arena, lam_bytes_of_string("element"), &guess->entries, error));
  for (size_t i = 0; i < json_array_size(value); i++)
    LAM_TRY(observe(guess->entries, json_array_get(value, i), depth + 1, arena, error));
  return LAM_OK;
}

static enum lam_status observe(struct lam_json_guess *guess, const json_t *value, int depth, struct lam_arena *arena,
                               struct lam_error *error) {
  if (depth > LAM_TYPE_DEEPEST)
    return lam_fail(error, LAM_UNSUPPORTED, "values are nested deeper than %d levels", LAM_TYPE_DEEPEST);
  switch (json_typeof(value)) {
    case JSON_NULL: return LAM_OK;
    case JSON_OBJECT: return observe_object(guess, value, depth, arena, error);
    case JSON_ARRAY: return observe_array(guess, value, depth, arena, error);
    case JSON_STRING:
      lam_csv_observe_string(&guess->scalar, lam_bytes_of(json_string_value(value), json_string_length(value)));
      break;
    case JSON_INTEGER: lam_csv_observe_kind(&guess->scalar, LAM_CSV_INT); break;
    case JSON_REAL: lam_csv_observe_kind(&guess->scalar, LAM_CSV_DOUBLE); break;
    default: lam_csv_observe_kind(&guess->scalar, LAM_CSV_BOOL); break;
  }
  guess->is_scalar = true;
  return LAM_OK;
}

enum lam_status lam_json_observe(struct lam_json_guess *guess, const json_t *value, struct lam_arena *arena,
                                 struct lam_error *error) {
  return observe(guess, value, 0, arena, error);
}

/* ---- the schema ---- */

static enum lam_status fill_struct(const struct lam_json_guess *guess, struct ArrowSchema *out,
                                   struct lam_error *error) {
  int64_t next = 0;
  for (const struct lam_json_guess *m = guess->members; m; m = m->next)
    LAM_TRY(lam_json_field(m, (const char *)m->name.data, out->children[next++], error));
  return LAM_OK;
}

/* Empty objects have no members that Parquet could keep: they are texts, as what is sometimes an object and
 * sometimes not. */
enum lam_status lam_json_field(const struct lam_json_guess *guess, const char *name, struct ArrowSchema *out,
                               struct lam_error *error) {
  bool mixed = guess->is_object + guess->is_array + guess->is_scalar > 1;
  enum lam_status status;
  if (!mixed && guess->is_object && guess->member_count > 0) {
    LAM_TRY(lam_schema_init_struct(name, guess->member_count, out, error));
    out->flags |= ARROW_FLAG_NULLABLE;
    status = fill_struct(guess, out, error);
  } else if (!mixed && guess->is_array) {
    struct lam_type list = {.id = LAM_TYPE_LIST, .timezone = ""};
    LAM_TRY(lam_schema_init_nested(&list, name, true, 1, out, error));
    status = lam_json_field(guess->entries, "element", out->children[0], error);
  } else {
    struct lam_type type = {.id = LAM_TYPE_STRING, .timezone = ""};
    if (!mixed && guess->is_scalar) type = lam_csv_type_of(&guess->scalar);
    return lam_schema_init(&type, name, true, out, error);
  }
  if (status != LAM_OK) lam_schema_release(out);
  return status;
}
