package seccomp

import (
	"fmt"
	"strings"
)

// Table is the policy as a table of Markdown. Rules that read the same, as
// those of several unnamed descriptors, are one row.
func (p Policy) Table() string {
	var b strings.Builder
	b.WriteString("| call | arguments | why |\n| --- | --- | --- |\n")
	seen := make(map[string]bool)
	for _, r := range p {
		verdict := r.Conditions()
		if r.Errno != 0 {
			verdict = strings.TrimPrefix(verdict+", fails with "+fmt.Sprint(r.Errno), ", ")
		}
		row := fmt.Sprintf("| `%s` | %s | %s |\n", r.Call, verdict, r.Why)
		if !seen[row] {
			seen[row] = true
			b.WriteString(row)
		}
	}
	return b.String()
}
