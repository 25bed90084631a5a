// Installs the handler of Signal; 0 or an errno.
int tender_drop_on_signal(unsigned int keep_low, unsigned int keep_high);

// Keeps malloc to its present arenas; 0 on failure.
int tender_one_arena(void);
