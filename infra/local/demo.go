package main

import "github.com/spf13/cobra"

// storyCommand plays the demo or the tour.
func storyCommand(name string) *cobra.Command {
	c := &cobra.Command{Use: name, Args: cobra.NoArgs, Short: map[string]string{
		"demo": "Play the story",
		"tour": "Show every control and tool at work: the longer demo",
	}[name]}
	verbose := c.Flags().BoolP("verbose", "v", false, "print every notice in full")
	out := c.Flags().String("out", "", "keep the evidence that is written in this `folder`")
	c.RunE = func(c *cobra.Command, _ []string) error {
		p := performance{
			printer: printer{out: c.OutOrStdout(), style: styleOf(c.OutOrStdout())}, stderr: c.ErrOrStderr(),
			verbose: *verbose, out: *out,
		}
		return p.play(c.Context(), name == "tour")
	}
	return c
}
