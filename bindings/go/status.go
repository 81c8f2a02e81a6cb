package llm

// #include <llm.h>
import "C"

// Status is the outcome of a request: llm_status of llm.h, whose numbers are permanent. An unknown one counts as StatusInternal.
type Status int32

// What llm.h knows; see there for what each means.
const (
	StatusOK              Status = C.LLM_OK
	StatusInternal        Status = C.LLM_ERR_INTERNAL
	StatusInvalidArgument Status = C.LLM_ERR_INVALID_ARGUMENT
	StatusNoMemory        Status = C.LLM_ERR_NO_MEMORY
	StatusConfig          Status = C.LLM_ERR_CONFIG
	StatusNotFound        Status = C.LLM_ERR_NOT_FOUND
	StatusBusy            Status = C.LLM_ERR_BUSY
	StatusWouldDeadlock   Status = C.LLM_ERR_WOULD_DEADLOCK
	StatusClosed          Status = C.LLM_ERR_CLOSED
	StatusForked          Status = C.LLM_ERR_FORKED
	StatusCanceled        Status = C.LLM_ERR_CANCELED
	StatusTimeout         Status = C.LLM_ERR_TIMEOUT
	StatusConnect         Status = C.LLM_ERR_CONNECT
	StatusProtocol        Status = C.LLM_ERR_PROTOCOL
	StatusAuth            Status = C.LLM_ERR_AUTH
	StatusBadRequest      Status = C.LLM_ERR_BAD_REQUEST
	StatusRateLimited     Status = C.LLM_ERR_RATE_LIMITED
	StatusOverloaded      Status = C.LLM_ERR_OVERLOADED
	StatusContextLength   Status = C.LLM_ERR_CONTEXT_LENGTH
	StatusContentFilter   Status = C.LLM_ERR_CONTENT_FILTER
	StatusBudget          Status = C.LLM_ERR_BUDGET
	StatusCircuitOpen     Status = C.LLM_ERR_CIRCUIT_OPEN
	StatusTruncated       Status = C.LLM_ERR_TRUNCATED
	StatusQuota           Status = C.LLM_ERR_QUOTA
	StatusNoRoute         Status = C.LLM_ERR_NO_ROUTE
	StatusStalled         Status = C.LLM_ERR_STALLED
	StatusUnsupported     Status = C.LLM_ERR_UNSUPPORTED
)

// String is the name in llm.h, such as LLM_ERR_TIMEOUT.
func (s Status) String() string { return statusName(s) }

// MetricsFormat chooses how Client.Metrics writes.
type MetricsFormat int32

// The formats of Client.Metrics.
const (
	MetricsJSON       MetricsFormat = C.LLM_METRICS_JSON
	MetricsPrometheus MetricsFormat = C.LLM_METRICS_PROMETHEUS
)

// Levels of a log line.
const (
	logOff   = C.LLM_LOG_OFF
	logError = C.LLM_LOG_ERROR
	logWarn  = C.LLM_LOG_WARN
	logInfo  = C.LLM_LOG_INFO
	logDebug = C.LLM_LOG_DEBUG
	logTrace = C.LLM_LOG_TRACE
)
