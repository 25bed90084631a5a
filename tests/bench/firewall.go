package main

func firewall(b *bench) error { return nil }
