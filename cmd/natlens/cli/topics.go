package cli

import (
	"embed"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"natlens/export/metrics"
	"natlens/monitor/filter"
	"natlens/monitor/findings"
)

//go:embed topics
var topicTexts embed.FS

// Topics returns the pages of help that belong to no command, without that about conntrack(8).
func Topics() []*cobra.Command {
	var fields, words, flags, rules, thresholds string
	for _, c := range (filter.Env{}).Complete("", 0) {
		switch c.Kind {
		case filter.CandidateField:
			fields += Row(c.Text, c.Doc)
		case filter.CandidateWord:
			words += Row(c.Text, c.Doc)
		}
	}
	for _, def := range filter.Flags() {
		value := " " + def.Arg
		if def.Optional() {
			value = " [" + def.Arg + "]"
		}
		flags += Row(flagNames(&def)+value, def.Usage)
	}
	for _, r := range findings.Rules() {
		rules += Row(r.ID, fmt.Sprintf("%s %s (%s)", r.Means, r.Why, r.Severity))
	}
	for _, t := range findings.AllThresholds() {
		thresholds += Row(t.Name+"="+t.Default, t.Means)
	}
	text := func(name string) string {
		text, _ := topicTexts.ReadFile("topics/" + name + ".txt")
		return string(text)
	}
	topics := []*cobra.Command{
		Topic(topicFilters, "The words of a filter, and conntrack(8)'s flags", text(topicFilters), "{fields}", fields,
			"{words}", words, "{flags}", flags),
		Topic("findings", "The rules of findings, and their thresholds", text("findings"), "{rules}", rules,
			"{thresholds}", thresholds),
		Topic("files", "Exit codes, environment and files", text("files")),
		Topic("json", "The members of JSON lines", text("json")),
	}
	if metrics.Included {
		topics = append(topics, Topic("metrics", "The metrics that --metrics serves", text("metrics")))
	}
	return topics
}

const topicFilters = "filters"

// Topic returns a page of help. In its text, paragraphs are one line or indented. Names in braces are replaced by rows.
func Topic(name, short, text string, namesRows ...string) *cobra.Command {
	return &cobra.Command{Use: name, Short: "(topic) " + short, Long: strings.NewReplacer(namesRows...).Replace(text)}
}

// Row returns a line of help with a word and its description.
func Row(word, means string) string { return "  " + word + "\t" + means + "\n" }
