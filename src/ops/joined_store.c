#include "ops/joined_store.h"

#include <stdlib.h>

struct joined_input {
  struct lam_input base;
  const struct lam_file *front;
  struct lam_input *behind;
};

static enum lam_status joined_open(struct lam_store *store, const char *key, struct lam_input **out,
                                   struct lam_object_info *info, struct lam_error *error) {
  const struct lam_joined_store *joined = (const struct lam_joined_store *)store;
  struct lam_input *behind;
  struct lam_object_info found;
  LAM_TRY(joined->behind->ops->open(joined->behind, key, &behind, &found, error));
  struct joined_input *input = malloc(sizeof *input);
  if (!input) {
    joined->behind->ops->close_input(behind);
    return lam_fail(error, LAM_NO_MEMORY, "no memory to open %s", key);
  }
  *input = (struct joined_input){{store}, joined->front, behind};
  found.size += lam_file_size(joined->front);
  if (info) *info = found;
  *out = &input->base;
  return LAM_OK;
}

static enum lam_status joined_read(struct lam_input *base, uint64_t offset, void *to, size_t size,
                                   struct lam_error *error) {
  const struct joined_input *input = (const struct joined_input *)base;
  uint64_t front = lam_file_size(input->front);
  size_t some = offset < front ? (size_t)lam_min_u64(size, front - offset) : 0;
  if (some) LAM_TRY(lam_file_read(input->front, offset, to, some, error));
  if (some == size) return LAM_OK;
  return input->behind->store->ops->read(input->behind, offset + some - front, (uint8_t *)to + some, size - some,
                                         error);
}

static void joined_close_input(struct lam_input *base) {
  struct joined_input *input = (struct joined_input *)base;
  input->behind->store->ops->close_input(input->behind);
  free(input);
}

static const struct lam_store_ops joined_ops = {
    .kind = "joined",
    .open = joined_open,
    .read = joined_read,
    .close_input = joined_close_input,
};

void lam_joined_init(struct lam_joined_store *out, const struct lam_file *front, struct lam_store *behind) {
  *out = (struct lam_joined_store){{&joined_ops, behind->context, behind->root}, front, behind};
}
