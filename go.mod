module tender

go 1.26
