// Installs the handler of Signal; 0 or an errno.
int tender_drop_on_signal(unsigned int keep_low, unsigned int keep_high);
