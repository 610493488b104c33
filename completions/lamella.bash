# Completion of lamella(1) for bash.
_lamella() {
  local current=$2 previous=$3 command='' i
  local global='--threads --memory-limit --json --quiet --log-level --version --help'
  local change='--dry-run --partition --compression --verify --backup --meta-dir --no-wait --no-checksums --grace
    --mode --no-sync --no-page-index --row-group-rows --row-group-size --bloom'
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --threads | --memory-limit | --log-level) i=$((i + 1)) ;;
      -*) ;;
      *) command=${COMP_WORDS[i]} && break ;;
    esac
  done
  local words
  case $previous in
    --format) words='csv json parquet' ;;
    --log-level) words='error warn info debug' ;;
    --compression) words='none snappy gzip brotli zstd lz4_raw' ;;
    --on-duplicate) words='error last' ;;
    --keep) words='first last' ;;
    --mode) words='rewrite append' ;;
    --verify) words='full' ;;
    *)
      case $command in
        '') words="$global inspect cat count plan partitions sidecar verify import compact delete update upsert
          dedup schema repartition estimate restore" ;;
        inspect) words="--pages --snapshot $global" ;;
        cat) words="--columns --where --limit --format -o --output --partition --no-checksums --check-files --snapshot
          --meta-dir $global" ;;
        count) words="--where --partition --no-checksums --check-files --snapshot --meta-dir $global" ;;
        plan) words="--where --columns --partition --check-files --snapshot --meta-dir $global" ;;
        partitions) words="--columns --partition --max-file-size --check-files --meta-dir $global" ;;
        sidecar) words="build check show --bloom --force --partition --snapshot --meta-dir $global" ;;
        verify) words="--full --partition --no-checksums --snapshot --meta-dir $global" ;;
        import) words="--into --partition-by --rows-per-file --target-size --sort-by --format --delimiter --no-header
          --type --null $change $global" ;;
        compact) words="--target-size --min-files --max-file-size --sort-by --keep-source --into $change $global" ;;
        repartition) words="--by --set --where --append --replace --delete-source --target-size --rows-per-file --sort-by
          $change $global" ;;
        estimate) words="compact repartition --by --set --where --target-size --rows-per-file --min-files --max-file-size
          --sort-by --partition --compression --meta-dir $global" ;;
        delete) words="--where $change $global" ;;
        update) words="--set --where $change $global" ;;
        upsert) words="--from --key --columns --on-duplicate --format --delimiter --no-header --type --null $change $global" ;;
        dedup) words="--key --keep $change $global" ;;
        restore) words="--table --dry-run --no-wait --no-sync --meta-dir --grace $global" ;;
        schema) words="--add --drop --rename --widen --nullable $change $global" ;;
        *) words='' ;;
      esac
      if [[ $current != -* && -n $command ]]; then words=''; fi
      ;;
  esac
  # Without a word that fits, names of files (complete -o default).
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _lamella lamella
