package text

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// LabelFile is connlabel.conf: the names of label bits for iptables, nft and conntrack.
const LabelFile = "/etc/xtables/connlabel.conf"

// Labels are the names of label bits.
type Labels map[int]string

var (
	labelNumber = regexp.MustCompile(`^(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)`)
	labelName   = regexp.MustCompile(`^[A-Za-z0-9 -]+$`)
)

// ReadLabels reads a connlabel.conf; "" means [LabelFile]. Each line has the number of a bit,
// in decimal, octal or hex, and a name. As in libnetfilter_conntrack, other lines, numbers
// above 1023, and the second line for a bit or a name are ignored. A file without names is an
// error, and so is one that is not a regular file or has over 1 MiB.
func ReadLabels(path string) (Labels, error) {
	if path == "" {
		path = LabelFile
	}
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxLabels) { // reading a FIFO would block
		return nil, fmt.Errorf("%s is not a regular file of at most %d bytes", path, maxLabels)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	const blanks = " \f\r\t\v\n"
	labels, bits := Labels{}, map[string]int{}
	for line := range strings.Lines(string(file)) {
		line = strings.Trim(line, blanks)
		number := labelNumber.FindString(line)
		name := strings.Trim(line[len(number):], blanks)
		bit, err := strconv.ParseUint(number, 0, 10)
		_, used := bits[name]
		if err == nil && !used && labelName.MatchString(name) && labels[int(bit)] == "" {
			labels[int(bit)], bits[name] = name, int(bit)
		}
	}
	if len(bits) == 0 {
		return nil, fmt.Errorf("%s names no label", path)
	}
	return labels, nil
}

// maxLabels is the maximum size of a connlabel.conf.
const maxLabels = 1 << 20

// Bits returns the numbers of the bits by their names.
func (l Labels) Bits() map[string]int {
	bits := make(map[string]int, len(l))
	for bit, name := range l {
		bits[name] = bit
	}
	return bits
}

// AppendNames appends the names of the bits that are set and have one, each between
// before and after.
func (l Labels) AppendNames(b, set []byte, before, after string) []byte {
	for bit := range Bits(set) {
		if name := l[bit]; name != "" {
			b = append(append(append(b, before...), name...), after...)
		}
	}
	return b
}
