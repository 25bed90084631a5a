// Package inside tests Go unikernels inside the machine of tests/hardware,
// with the tender command and images that were built outside.
package inside

// Guests are the packages of the images.
var Guests = []string{
	"tender/appliances/hello",
	"tender/tests/guests/args",
	"tender/tests/guests/deadlock",
	"tender/tests/guests/exit",
	"tender/tests/guests/goroutines",
	"tender/tests/guests/language",
	"tender/tests/guests/memory",
	"tender/tests/guests/output",
	"tender/tests/guests/random",
	"tender/tests/guests/recover",
	"tender/tests/guests/signals",
	"tender/tests/guests/spin",
	"tender/tests/guests/stack",
	"tender/tests/guests/stdlib",
	"tender/tests/guests/threads",
	"tender/tests/guests/timers",
	"tender/tests/guests/tls",
	"tender/tests/guests/uncaught",
	"tender/tests/guests/vectors",
	"tender/tests/guests/wakeup",
}
