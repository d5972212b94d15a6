package monitor

import "bytes"

// Extra has the attributes that few messages contain. Its byte slices belong to the batch or
// table that owns the Extra.
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
	Correction   uint32 `json:"correction"` // the sequence number from which OffsetAfter counts
	OffsetBefore int32  `json:"offset_before"`
	OffsetAfter  int32  `json:"offset_after"`
}

// Synproxy has the values that SYNPROXY stores for a connection (struct nf_conn_synproxy).
type Synproxy struct{ ISN, ITS, TSOff uint32 }

// Take copies the attributes in has from x, with their bytes.
func (k *Extra) Take(x *Extra, has Attrs) {
	k.Share(x, has)
	k.ownBlobs(has)
}

// Share copies the attributes in has from x. The byte slices are shared with x.
func (k *Extra) Share(x *Extra, has Attrs) {
	share(has&AttrHelper, &k.Helper, &x.Helper)
	share(has&AttrHelperInfo, &k.HelperInfo, &x.HelperInfo)
	share(has&AttrSecCtx, &k.SecCtx, &x.SecCtx)
	share(has&AttrLabels, &k.Labels, &x.Labels)
	share(has&AttrLabelsMask, &k.LabelsMask, &x.LabelsMask)
	share(has&AttrMaster, &k.Master, &x.Master)
	share(has&AttrSeqAdjOrig, &k.SeqAdjOrig, &x.SeqAdjOrig)
	share(has&AttrSeqAdjReply, &k.SeqAdjReply, &x.SeqAdjReply)
	share(has&AttrSynproxy, &k.Synproxy, &x.Synproxy)
	share(has&AttrDCCPSeq, &k.DCCPSeq, &x.DCCPSeq)
	share(has&AttrDCCPRole, &k.DCCPRole, &x.DCCPRole)
	share(has&AttrVTagOrig, &k.VTagOrig, &x.VTagOrig)
	share(has&AttrVTagReply, &k.VTagReply, &x.VTagReply)
	share(has&AttrMarkMask, &k.MarkMask, &x.MarkMask)
	share(has&AttrSecMark, &k.SecMark, &x.SecMark)
	share(has&AttrStatusMask, &k.StatusMask, &x.StatusMask)
}

// share copies an attribute if wanted is not 0.
func share[T any](wanted Attrs, to, from *T) {
	if wanted != 0 {
		*to = *from
	}
}

// ownBlobs replaces the byte slices of the attributes in has by copies.
func (k *Extra) ownBlobs(has Attrs) {
	for _, b := range []struct {
		attr  Attrs
		bytes *[]byte
	}{
		{AttrHelper, &k.Helper}, {AttrHelperInfo, &k.HelperInfo}, {AttrSecCtx, &k.SecCtx},
		{AttrLabels, &k.Labels}, {AttrLabelsMask, &k.LabelsMask},
	} {
		if has&b.attr != 0 {
			*b.bytes = bytes.Clone(*b.bytes)
		}
	}
}

// Clone returns a copy that shares nothing with k; nil if k is nil.
func (k *Extra) Clone() *Extra {
	if k == nil {
		return nil
	}
	c := *k
	c.ownBlobs(^Attrs(0))
	return &c
}
