{{/*
A value as a CEL literal. Every element is dyn(): the API server's CEL takes no lists or maps of mixed types.
JSON's strings are CEL's; a float from YAML that is whole is a whole number.
*/}}
{{- define "groundwire.cel" -}}
{{- if kindIs "map" . -}}
{{- $parts := list -}}
{{- range $key, $value := . -}}
{{- $parts = append $parts (printf "%s: dyn(%s)" ($key | toJson) (include "groundwire.cel" $value)) -}}
{{- end -}}
{ {{- join ", " $parts -}} }
{{- else if kindIs "slice" . -}}
{{- $parts := list -}}
{{- range . -}}
{{- $parts = append $parts (printf "dyn(%s)" (include "groundwire.cel" .)) -}}
{{- end -}}
[ {{- join ", " $parts -}} ]
{{- else if and (kindIs "float64" .) (eq (float64 (int64 .)) .) -}}
{{- int64 . -}}
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}

{{/* An operation that adds: (list PATH VALUE). */}}
{{- define "groundwire.cel.add" -}}
JSONPatch{op: "add", path: {{ index . 0 | toJson }}, value: dyn({{ include "groundwire.cel" (index . 1) }})}
{{- end -}}
