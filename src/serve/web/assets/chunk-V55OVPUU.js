import{c as t}from"./chunk-SFQSTQJA.js";t();var e=class extends Error{constructor(s,...r){super(s),this.word=s,this.values=r}};export{e as a};
