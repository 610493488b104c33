#include "ops/joined_store.h"

#include <stdlib.h>

struct joined_input {
  struct lam_input base;
  const struct lam_joined_store *joined;
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
  *input = (struct joined_input){{store}, joined, behind};
  found.size += lam_file_size(joined->front);
  for (size_t i = 0; i < joined->span_count; i++)
    if (joined->spans[i].offset != LAM_SPAN_NEW) found.size += joined->spans[i].size;
  if (info) *info = found;
  *out = &input->base;
  return LAM_OK;
}

static enum lam_status joined_read(struct lam_input *base, uint64_t offset, void *to, size_t size,
                                   struct lam_error *error) {
  const struct joined_input *input = (const struct joined_input *)base;
  const struct lam_joined_store *joined = input->joined;
  uint64_t before = lam_file_size(joined->front), staged = 0; /* bytes before the span, and of those the staged ones */
  size_t some = offset < before ? (size_t)lam_min_u64(size, before - offset) : 0;
  if (some) LAM_TRY(lam_file_read(joined->front, offset, to, some, error));
  for (size_t i = 0; i < joined->span_count && some < size; i++) {
    const struct lam_span *span = &joined->spans[i];
    uint64_t at = offset + some;
    if (at < before + span->size) {
      size_t next = (size_t)lam_min_u64(size - some, before + span->size - at);
      uint64_t from = (span->offset == LAM_SPAN_NEW ? staged : span->offset) + (at - before);
      LAM_TRY(span->offset == LAM_SPAN_NEW
                  ? input->behind->store->ops->read(input->behind, from, (uint8_t *)to + some, next, error)
                  : lam_file_read(joined->front, from, (uint8_t *)to + some, next, error));
      some += next;
    }
    before += span->size;
    if (span->offset == LAM_SPAN_NEW) staged += span->size;
  }
  if (some == size) return LAM_OK;
  return lam_fail(error, LAM_CORRUPT, "%s ends at byte %llu; %zu bytes at offset %llu were to be read",
                  lam_file_name(joined->front), (unsigned long long)before, size, (unsigned long long)offset);
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

void lam_joined_init(struct lam_joined_store *out, const struct lam_file *front, struct lam_store *behind,
                     const struct lam_span *spans, size_t span_count) {
  *out = (struct lam_joined_store){{&joined_ops, behind->context, behind->root}, front, behind, spans, span_count};
}
