/*
 * Asks recorded providers through llm.h and writes down what the events said. It knows no provider's JSON and no exchange:
 * a plan says where to ask, run.py reads the answers.
 *
 *   driver probe CONFIG [OPERATION]   prints the status and the message that llm_client_new() answers, or llm_submit()
 *   driver run CONFIG PLAN OUT N      one client, one queue, N requests in flight
 *
 * PLAN: one request a line, tab between fields: provider, operation, stream (0 or 1), base URL. OUT: one JSON object a line;
 * "data" and "head" are the library's own JSON, embedded as it came.
 */
#include "llm.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, CALLS_MAX = 1024, POLL_MS = 120000 };

typedef struct tool {
  uint32_t index;
  text head; /* JSON of LLM_EVENT_TOOL_CALL */
  text arguments;
} tool;

/* What one request's events said so far: choice 0 only, as the judge has it. */
typedef struct answer {
  size_t line; /* of the plan, from 0 */
  text words, reasoning, refusal, result;
  tool tools[CALLS_MAX];
  size_t tool_count;
  uint32_t attempts;
} answer;

typedef struct run {
  llm_client *client;
  llm_queue *queue;
  FILE *plan, *out;
  size_t line, in_flight;
} run;

static int fail(const char *what, const char *why)
{
  fprintf(stderr, "driver: %s: %s\n", what, why);
  return 1;
}

static void answer_free(answer *a)
{
  text_free(&a->words);
  text_free(&a->reasoning);
  text_free(&a->refusal);
  text_free(&a->result);
  for (size_t i = 0; i < a->tool_count; i++) {
    text_free(&a->tools[i].head);
    text_free(&a->tools[i].arguments);
  }
  free(a);
}

static tool *tool_at(answer *a, uint32_t index)
{
  for (size_t i = 0; i < a->tool_count; i++)
    if (a->tools[i].index == index)
      return &a->tools[i];
  if (a->tool_count == CALLS_MAX)
    exit(fail("answer", "more tool calls than the library admits"));
  a->tools[a->tool_count].index = index;
  return &a->tools[a->tool_count++];
}

static void field(FILE *out, const char *name, const text *value)
{
  fprintf(out, ",\"%s\":", name);
  text_json(out, value->data, value->len);
}

static void write_answer(FILE *out, const answer *a, llm_status status, const char *kind, const char *data, size_t len)
{
  fprintf(out, "{\"line\":%zu,\"end\":\"%s\",\"status\":\"%s\"", a->line, kind, llm_status_name(status));
  field(out, "text", &a->words);
  field(out, "reasoning", &a->reasoning);
  field(out, "refusal", &a->refusal);
  field(out, "result", &a->result);
  fputs(",\"tools\":[", out);
  for (size_t i = 0; i < a->tool_count; i++) {
    const tool *t = &a->tools[i];
    fprintf(out, "%s{\"index\":%u,\"head\":", i ? "," : "", t->index);
    text_embed(out, t->head.data, t->head.len);
    field(out, "arguments", &t->arguments);
    fputc('}', out);
  }
  fputs("],\"data\":", out);
  text_embed(out, data, len);
  fputs("}\n", out);
}

/* Reads one line of the plan and starts its request; 0 at the end of the plan. */
static int submit_next(run *r)
{
  char line[4096], request[1024], options[4096];
  char *part[4];
  llm_options o;
  llm_error *err = NULL;
  llm_status status;
  answer *a;

  if (!fgets(line, sizeof line, r->plan))
    return 0;
  line[strcspn(line, "\n")] = 0;
  part[0] = line;
  for (int i = 1; i < 4; i++) {
    part[i] = part[i - 1] + strcspn(part[i - 1], "\t");
    if (!*part[i])
      exit(fail("plan", "a line has four fields"));
    *part[i]++ = 0;
  }
  snprintf(request, sizeof request,
           strcmp(part[1], "embeddings") == 0 ? "{\"model\":\"%s/m\",\"input\":[\"hi\"],\"stream\":%s}"
                                              : "{\"model\":\"%s/m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":%s}",
           part[0], *part[2] == '1' ? "true" : "false");
  snprintf(options, sizeof options, "{\"base_url\":\"%s\",\"api_key\":\"k\"}", part[3]);
  memset(&o, 0, sizeof o);
  o.struct_size = sizeof o;
  o.operation = part[1];
  o.options_json = options;

  a = calloc(1, sizeof *a);
  if (!a)
    exit(fail("answer", "out of memory"));
  a->line = r->line++;
  status = llm_submit(r->client, r->queue, request, LLM_NTS, &o, a, NULL, &err);
  if (status == LLM_OK) {
    r->in_flight++;
    return 1;
  }
  if (err) {
    size_t len = 0;
    const char *json = llm_error_json(err, &len);
    write_answer(r->out, a, status, "refused", json, len);
  } else {
    write_answer(r->out, a, status, "refused", "", 0);
  }
  llm_error_free(err);
  answer_free(a);
  return 1;
}

static void take(run *r, const llm_event *e)
{
  answer *a = e->user_data;
  if (e->type >= LLM_EVENT_DONE) {
    write_answer(r->out, a, e->status, e->type == LLM_EVENT_DONE ? "done" : "error", e->data, e->len);
    answer_free(a);
    r->in_flight--;
    return;
  }
  if (e->choice != 0)
    return;
  switch (e->type) {
  case LLM_EVENT_TEXT: text_add(&a->words, e->data, e->len); break;
  case LLM_EVENT_REASONING: text_add(&a->reasoning, e->data, e->len); break;
  case LLM_EVENT_REFUSAL: text_add(&a->refusal, e->data, e->len); break;
  case LLM_EVENT_RESULT: text_add(&a->result, e->data, e->len); break;
  case LLM_EVENT_TOOL_CALL: text_add(&tool_at(a, e->index)->head, e->data, e->len); break;
  case LLM_EVENT_TOOL_ARGS: text_add(&tool_at(a, e->index)->arguments, e->data, e->len); break;
  default: break;
  }
}

static int drive(run *r, size_t width)
{
  llm_event events[BATCH];
  int more = 1;
  for (;;) {
    while (more && r->in_flight < width)
      more = submit_next(r);
    if (!r->in_flight)
      return 0;
    int32_t n = llm_queue_poll(r->queue, events, BATCH, POLL_MS);
    if (n <= 0)
      return fail("llm_queue_poll", n ? llm_status_name(n) : "nothing came for two minutes, and requests are open");
    for (int32_t i = 0; i < n; i++)
      take(r, &events[i]);
  }
}

static llm_status open_client(const char *path, llm_client **client, llm_error **err)
{
  char at[4096];
  snprintf(at, sizeof at, "@%s", path);
  return llm_client_new(at, LLM_NTS, client, err);
}

/* Whether a build has what CONFIG names, and the operation. An accepted request is dropped with its client. */
static int probe(const char *path, const char *operation)
{
  const char *request = "{\"model\":\"probe/m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
  llm_options options = { 0 };
  llm_client *client = NULL;
  llm_queue *queue = NULL;
  llm_error *err = NULL;
  llm_status status = open_client(path, &client, &err);
  options.struct_size = sizeof options;
  options.operation = operation;
  if (status == LLM_OK && operation)
    status = llm_queue_new(0, &queue);
  if (status == LLM_OK && operation)
    status = llm_submit(client, queue, request, LLM_NTS, &options, NULL, NULL, &err);
  printf("%s\t%s\n", llm_status_name(status), err ? llm_error_message(err, NULL) : "");
  llm_error_free(err);
  llm_queue_free(queue);
  llm_client_free(client);
  return 0;
}

int main(int argc, char **argv)
{
  run r = { 0 };
  llm_error *err = NULL;
  int code;
  if (argc >= 3 && strcmp(argv[1], "probe") == 0)
    return probe(argv[2], argc > 3 ? argv[3] : NULL);
  if (argc != 6 || strcmp(argv[1], "run") != 0)
    return fail("usage", "driver probe CONFIG [OPERATION] | driver run CONFIG PLAN OUT N");
  if (open_client(argv[2], &r.client, &err) != LLM_OK)
    return fail("llm_client_new", llm_error_message(err, NULL));
  r.plan = fopen(argv[3], "r");
  r.out = fopen(argv[4], "w");
  if (!r.plan || !r.out || llm_queue_new(0, &r.queue) != LLM_OK)
    return fail("start", "cannot open the plan, the output or a queue");
  code = drive(&r, strtoul(argv[5], NULL, 10));
  llm_queue_free(r.queue);
  llm_client_free(r.client);
  fclose(r.plan);
  if (fclose(r.out) != 0)
    code = fail("output", "could not be written whole");
  if (llm_shutdown(5000) != LLM_OK)
    code = fail("llm_shutdown", "the runtime did not stop");
  return code;
}
