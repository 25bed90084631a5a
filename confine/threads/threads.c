#define _GNU_SOURCE
#include "threads.h"

#include <errno.h>
#include <linux/capability.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct __user_cap_data_struct kept[2];

// drop runs on the thread that is to lose its capabilities, wherever it is. A
// call that fails leaves what it was to take, and the sender looks. capset is
// the last call: who sees its effect need not wait for the handler.
static void drop(int signal)
{
	int saved = errno;
	(void)signal;
	for (int c = 0; prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0; c++)
		;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	struct __user_cap_header_struct self = { .version = _LINUX_CAPABILITY_VERSION_3 };
	syscall(SYS_capset, &self, kept);
	errno = saved;
}

int tender_drop_on_signal(unsigned int keep_low, unsigned int keep_high)
{
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_handler = drop;
	action.sa_flags = SA_RESTART | SA_ONSTACK;
	sigfillset(&action.sa_mask);
	kept[0].effective = kept[0].permitted = keep_low;
	kept[1].effective = kept[1].permitted = keep_high;
	return sigaction(34, &action, 0) == 0 ? 0 : errno;
}

int tender_one_arena(void)
{
	return mallopt(M_ARENA_MAX, 1);
}
