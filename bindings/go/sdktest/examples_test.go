package sdktest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The programs that keep their SDK run, survive the first target and print what the second says.
func TestExamples(t *testing.T) {
	config := filepath.Join(t.TempDir(), "llm.toml")
	text := fmt.Sprintf(`
[providers.primary]
wire = "openai_chat"
base_url = "%[1]s/v1"
auth = "none"
[providers.backup]
wire = "anthropic"
base_url = "%[1]s"
auth = "none"
[models.demo]
targets = [{ model = "primary/status=529" }, { model = "backup/tokens=12" }]
`, origin)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keepopenai", "keepanthropic"} {
		program := exec.Command("go", "run", "-tags", "libllm_env", "./"+name)
		program.Env = append(os.Environ(), "LLM_CONFIG="+config)
		out, err := program.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "w10 w11\nfirst token after") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
