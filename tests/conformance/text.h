/* A string that grows, and how it is printed as JSON. */
#ifndef CONFORMANCE_TEXT_H
#define CONFORMANCE_TEXT_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct text {
  char *data;
  size_t len, size;
} text;

static inline void text_add(text *t, const char *data, size_t len)
{
  if (t->len + len + 1 > t->size) {
    size_t size = (t->len + len + 1) * 2;
    char *grown = realloc(t->data, size);
    if (!grown) {
      fputs("out of memory\n", stderr);
      exit(1);
    }
    t->data = grown;
    t->size = size;
  }
  memcpy(t->data + t->len, data, len);
  t->len += len;
  t->data[t->len] = 0;
}

static inline void text_free(text *t)
{
  free(t->data);
  memset(t, 0, sizeof *t);
}

static inline void text_json(FILE *out, const char *data, size_t len)
{
  fputc('"', out);
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)data[i];
    if (c == '"' || c == '\\')
      fprintf(out, "\\%c", c);
    else if (c < 0x20 || c == 0x7f)
      fprintf(out, "\\u%04x", c);
    else
      fputc(c, out);
  }
  fputc('"', out);
}

/* JSON from elsewhere, on one line: a line end in it can only be white space between its tokens. */
static inline void text_embed(FILE *out, const char *json, size_t len)
{
  if (!len)
    fputs("null", out);
  for (size_t i = 0; i < len; i++)
    fputc(json[i] == '\n' || json[i] == '\r' ? ' ' : json[i], out);
}

#endif
