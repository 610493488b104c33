#include "ops/discard_store.h"

#include <stdlib.h>

static void discard_close(struct lam_store *store) {
  free(store);
}

static enum lam_status discard_create(struct lam_store *store, const char *key, struct lam_output **out,
                                      struct lam_error *error) {
  (void)key;
  *out = malloc(sizeof **out);
  if (!*out) return lam_fail(error, LAM_NO_MEMORY, "no memory for an output of a dry run");
  (*out)->store = store;
  return LAM_OK;
}

static enum lam_status discard_write(struct lam_output *output, const void *data, size_t size,
                                     struct lam_error *error) {
  (void)output, (void)data, (void)size, (void)error;
  return LAM_OK;
}

static enum lam_status discard_sync(struct lam_output *output, struct lam_error *error) {
  (void)output, (void)error;
  return LAM_OK;
}

static enum lam_status discard_close_output(struct lam_output *output, struct lam_error *error) {
  (void)error;
  free(output);
  return LAM_OK;
}

static enum lam_status discard_remove(struct lam_store *store, const char *key, struct lam_error *error) {
  (void)store, (void)key, (void)error;
  return LAM_OK;
}

static const struct lam_store_ops discard_ops = {
    .kind = "discard",
    .close = discard_close,
    .create = discard_create,
    .write = discard_write,
    .sync = discard_sync,
    .close_output = discard_close_output,
    .remove = discard_remove,
};

enum lam_status lam_store_discard(struct lam_context *context, struct lam_store **out, struct lam_error *error) {
  static char root[] = "dry run";
  *out = calloc(1, sizeof **out);
  if (!*out) return lam_fail(error, LAM_NO_MEMORY, "no memory for the store of a dry run");
  **out = (struct lam_store){.ops = &discard_ops, .context = context, .root = root};
  return LAM_OK;
}
