/* The header alone: first in its file, twice, with what it promises checked by the compiler. Compiled as every C and C++. */
#include "llm.h"
#include "llm.h"

#if defined(__cplusplus)
# define PROMISE(condition, what) static_assert(condition, what)
# define OFFSET(type, field) __builtin_offsetof(type, field)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
# define PROMISE(condition, what) _Static_assert(condition, what)
# define OFFSET(type, field) offsetof(type, field)
#else /* C99 has no static assertions; an array of negative size does the same. */
# define JOIN2(a, b) a##b
# define JOIN(a, b) JOIN2(a, b)
# define PROMISE(condition, what) typedef char JOIN(promise_, __LINE__)[(condition) ? 1 : -1]
# define OFFSET(type, field) offsetof(type, field)
#endif

PROMISE(sizeof(llm_status) == 4 && sizeof(llm_event_type) == 4, "enums are 32 bits wide, whatever the flags");
PROMISE(LLM_NTS == SIZE_MAX, "LLM_NTS");
PROMISE(LLM_VERSION_NUMBER == ((LLM_VERSION_MAJOR << 16) | (LLM_VERSION_MINOR << 8) | LLM_VERSION_PATCH), "LLM_VERSION_NUMBER");
PROMISE(LLM_OK == 0 && LLM_ERR_INTERNAL == -1 && LLM_ERR_TIMEOUT == -11 && LLM_ERR_UNSUPPORTED == -34, "statuses");
PROMISE(LLM_EVENT_TEXT == 1 && LLM_EVENT_PART == 13 && LLM_EVENT_DONE == 100 && LLM_EVENT_ERROR == 101, "events");
PROMISE(OFFSET(llm_options, struct_size) == 0 && OFFSET(llm_http_request, struct_size) == 0, "sizes come first");
#if UINTPTR_MAX == 0xffffffffffffffffu
PROMISE(sizeof(llm_event) == 64, "an event is 64 bytes");
PROMISE(OFFSET(llm_event, request) == 0 && OFFSET(llm_event, user_data) == 8 && OFFSET(llm_event, data) == 16, "llm_event");
PROMISE(OFFSET(llm_event, len) == 24 && OFFSET(llm_event, type) == 32 && OFFSET(llm_event, status) == 36, "llm_event");
PROMISE(OFFSET(llm_event, choice) == 40 && OFFSET(llm_event, attempt) == 44 && OFFSET(llm_event, at_us) == 48, "llm_event");
PROMISE(OFFSET(llm_event, index) == 56 && OFFSET(llm_event, flags) == 60, "llm_event");
PROMISE(sizeof(llm_options) == 48 && sizeof(llm_http_request) == 48, "structs with a size");
#endif

int main(void)
{
    llm_event event = {0, 0, 0, 0, LLM_EVENT_TEXT, LLM_OK, 0, 0, 0, 0, 0};
    llm_options options = {sizeof(llm_options), LLM_OPT_RAW | LLM_OPT_MESSAGE, 0, 0, 0, 0, 0};
    switch (event.type) {
    case LLM_EVENT_TEXT:
        break;
    default:
        return 1;
    }
    return options.struct_size == sizeof options && event.status == LLM_OK && llm_abi_version() == LLM_ABI_VERSION
               && llm_status_name(LLM_OK) != 0 ? 0 : 1;
}
