package monitor

import "bytes"

// Extra has the attributes that few messages contain. Its byte slices belong to
// the batch or the table that it came from.
type Extra struct {
	Helper, HelperInfo []byte // untrusted text, without its NUL; and a blob
	SecCtx             []byte // untrusted text, without its NUL
	Labels, LabelsMask []byte // 16 bytes; bit n is bit n%8 of byte n/8 (host words, little endian)
	Master             Tuple  // original tuple of the flow that expected this one
	SeqAdjOrig         SeqAdj
	SeqAdjReply        SeqAdj
	Synproxy           Synproxy
	DCCPSeq            uint64
	VTagOrig, VTagReply,
	MarkMask, SecMark, StatusMask uint32
	DCCPRole uint8
}

// The longest values that the kernel sends, in bytes. Longer ones are malformed.
const (
	MaxHelper = 16   // NF_CT_HELPER_NAME_LEN
	MaxLabels = 16   // NF_CT_LABELS_MAX_SIZE
	MaxSecCtx = 4096 // a page
)

// SeqAdj says how TCP sequence numbers of one direction are shifted after a
// helper changed the length of the payload (struct nf_ct_seqadj).
type SeqAdj struct {
	Correction   uint32 // the sequence number from which OffsetAfter counts
	OffsetBefore int32
	OffsetAfter  int32
}

// Synproxy is what SYNPROXY keeps of a connection (struct nf_conn_synproxy).
type Synproxy struct{ ISN, ITS, TSOff uint32 }

// Take copies the named attributes of x; blobs are copied into new memory.
func (k *Extra) Take(x *Extra, has Attrs) {
	k.Share(x, has)
	for _, f := range k.blobs() {
		if has&f.attr != 0 {
			*f.b = bytes.Clone(*f.b)
		}
	}
}

// Share copies the named attributes of x; blobs are shared with x.
func (k *Extra) Share(x *Extra, has Attrs) {
	for i, f := range k.blobs() {
		if has&f.attr != 0 {
			*f.b = *x.blobs()[i].b
		}
	}
	if has&AttrMaster != 0 {
		k.Master = x.Master
	}
	if has&AttrSeqAdjOrig != 0 {
		k.SeqAdjOrig = x.SeqAdjOrig
	}
	if has&AttrSeqAdjReply != 0 {
		k.SeqAdjReply = x.SeqAdjReply
	}
	if has&AttrSynproxy != 0 {
		k.Synproxy = x.Synproxy
	}
	if has&AttrDCCPSeq != 0 {
		k.DCCPSeq = x.DCCPSeq
	}
	if has&AttrDCCPRole != 0 {
		k.DCCPRole = x.DCCPRole
	}
	k.shareWords(x, has)
}

func (k *Extra) shareWords(x *Extra, has Attrs) {
	if has&AttrVTagOrig != 0 {
		k.VTagOrig = x.VTagOrig
	}
	if has&AttrVTagReply != 0 {
		k.VTagReply = x.VTagReply
	}
	if has&AttrMarkMask != 0 {
		k.MarkMask = x.MarkMask
	}
	if has&AttrSecMark != 0 {
		k.SecMark = x.SecMark
	}
	if has&AttrStatusMask != 0 {
		k.StatusMask = x.StatusMask
	}
}

type blob struct {
	attr Attrs
	b    *[]byte
}

func (k *Extra) blobs() [5]blob {
	return [5]blob{{AttrHelper, &k.Helper}, {AttrHelperInfo, &k.HelperInfo}, {AttrSecCtx, &k.SecCtx},
		{AttrLabels, &k.Labels}, {AttrLabelsMask, &k.LabelsMask}}
}

// Clone returns a copy that shares nothing with k; nil if k is nil.
func (k *Extra) Clone() *Extra {
	if k == nil {
		return nil
	}
	c := *k
	for _, f := range c.blobs() {
		*f.b = bytes.Clone(*f.b)
	}
	return &c
}
