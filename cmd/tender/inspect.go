package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tender/image"
)

func newInspect(std stdio) *cobra.Command {
	var asJSON, asABI, asManifest bool
	c := &cobra.Command{
		Use:   "inspect [flags] IMAGE",
		Short: "Show what an image is and which options attach its devices",
		Example: `  tender inspect firewall.hvt
  tender inspect --json firewall.hvt`,
		Args: oneArg("IMAGE"),
		RunE: func(_ *cobra.Command, args []string) error {
			im, err := image.Open(args[0])
			if err != nil {
				return err
			}
			text := ""
			switch {
			case asJSON:
				text, err = infoJSON(im)
			case asABI:
				text = string(im.ABIJSON())
			case asManifest:
				text = string(im.ManifestJSON())
			default:
				text, err = infoTable(im)
			}
			if err := errors.Join(err, im.Close()); err != nil {
				return err
			}
			return status(std.print(text))
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&asJSON, "json", false, "show all of it as JSON")
	f.BoolVar(&asABI, "abi", false, "show the ABI as JSON, as Solo5's query-abi does")
	f.BoolVar(&asManifest, "manifest", false, "show the manifest as JSON, as Solo5's query-manifest does")
	c.MarkFlagsMutuallyExclusive("json", "abi", "manifest")
	return c
}

func infoJSON(im *image.Image) (string, error) {
	text, err := json.MarshalIndent(im.Info(), "", "  ")
	return string(text) + "\n", err
}

// infoTable is the description of an image for people.
func infoTable(im *image.Image) (string, error) {
	info := im.Info()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Image\t%s\n", info.Path)
	fmt.Fprintf(w, "Target\t%s, ABI version %d, %s\n", info.Target, info.ABIVersion, info.Machine)
	fmt.Fprintf(w, "Size\t%s\n", sizeText(info.SizeBytes))
	fmt.Fprintf(w, "Entry\t%s\n", info.Entry)
	fmt.Fprintf(w, "Start\t%s\n", startText(info.UserStart))
	if len(info.Extensions) > 0 {
		fmt.Fprintf(w, "Extensions\t%s\n", strings.Join(info.Extensions, ", "))
	}
	if len(info.Devices) == 0 {
		fmt.Fprintf(w, "Devices\tnone\n")
	} else {
		fmt.Fprintf(w, "\nHANDLE\tDEVICE\tTYPE\tATTACH WITH\n")
	}
	for _, d := range info.Devices {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", d.Handle, d.Name, d.Type, attachWith(im.Manifest[d.Handle-1]))
	}
	fmt.Fprintf(w, "\nSEGMENT\tFLAGS\tIN FILE\tIN MEMORY\n")
	for _, s := range info.Segments {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", s.Addr, s.Flags, s.FileBytes, s.MemoryBytes)
	}
	err := w.Flush()
	return b.String(), err
}

func startText(user bool) string {
	if user {
		return "user mode (CPL 3)"
	}
	return "kernel mode (CPL 0) only"
}
